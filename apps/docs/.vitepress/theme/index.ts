import DefaultTheme from 'vitepress/theme'
import './style.css' // after the theme, whose colours it changes

export default DefaultTheme
